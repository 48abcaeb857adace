"""Trackers, one a file: subclasses of `crl.AbstractTracker`."""
