"""The spec's expression language: text in, a small checked program out; see `spec.expressions` for its face."""
