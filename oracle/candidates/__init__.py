"""Candidates: code under test, adapted, called in a sandbox, and held to the contract of rules and networks."""
