"""Laws of training goals, one a file: subclasses of `crl.AbstractGoalLaw`."""
