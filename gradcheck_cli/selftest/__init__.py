"""The tester tested: every rule is corrupted in many small ways, and each corrupted copy must be found wrong."""
