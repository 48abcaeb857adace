"""Contrastive losses, one a file: functions of a square matrix of logits whose diagonal holds the true pairs."""
