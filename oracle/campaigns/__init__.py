"""Campaigns: long verifications in shards, on several processes or machines, interrupted and resumed."""
