"""Where batches come from, one source a file: subclasses of `crl.AbstractData`."""
