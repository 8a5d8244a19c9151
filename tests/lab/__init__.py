"""An embedded AWS on loopback for tests, benchmarks and ``make lab``; see README.md."""
