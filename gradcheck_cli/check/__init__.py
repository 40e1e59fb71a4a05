"""A `Problem` in, a `CheckResult` out: differences, the judge, contract checks."""
