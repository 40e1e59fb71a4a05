"""Spec files: YAML text to located dataclasses with checked expressions."""
