"""Campaigns checked in this process, and a rule with a mistake for them to find."""

import pytest

import handgrad
from oracle.campaigns import processes
from oracle.campaigns.campaign import Campaign
from oracle.campaigns.database import FailureDatabase


def wrong_relu(z):
    h, backward = handgrad.rules.relu(z)
    return h, lambda dh: (backward(dh)[0] * (2 if z.shape == (3, 5) else 1),)


def run(plan, folder, *, file=None, until=None):
    """Check a campaign in this process, or until so many problems are recorded, and return it."""
    campaign = Campaign(plan, FailureDatabase(str(folder)), file)
    if until is not None:
        record = campaign.record

        def interrupted(shard, row, **finished):
            record(shard, row, **finished)
            if sum(row.problems for row in campaign.rows) >= until:
                raise KeyboardInterrupt

        campaign.record = interrupted
        with pytest.raises(KeyboardInterrupt):
            processes.run(campaign, workers=1, show=lambda: None)
    else:
        processes.run(campaign, workers=1, show=lambda: None)
    return campaign


def without_seconds(campaign):
    return [(row.problems, row.jax_inaccurate, row.worst, row.failure) for row in campaign.rows]
