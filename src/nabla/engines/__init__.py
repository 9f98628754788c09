"""Engines: how a graph is run. An engine knows no derivative; a rule knows no engine."""
