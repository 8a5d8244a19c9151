"""Benchmarks against the stock way of doing the same; `make bench`, see README.md."""
