"""Learning algorithms, one a file: subclasses of `crl.AbstractAlgorithm`."""
