"""What was measured: medians, and ratios pair by pair."""

import statistics


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


class Results:
    """The figures of all rounds."""

    def __init__(self, rounds=None):
        # rounds[work][runner] is a list of one dictionary (or None) for each round.
        self.rounds = rounds or {}

    def add(self, work, runner, figures):
        self.rounds.setdefault(work, {}).setdefault(runner, []).append(figures)

    def series(self, runner, work, figure):
        """One value for each round; None where the backend could not do it."""
        rounds = self.rounds.get(work, {}).get(runner, [])
        if work.startswith("loss-"):
            return [self.loss(rounds, figure)] if rounds else []
        return [statistics.median(one[figure]) if one and figure in one else None for one in rounds]

    @staticmethod
    def loss(rounds, figure):
        """The rounds' handshakes together: their distribution is what matters."""
        done = [value for one in rounds if one for value in one.get("done", [])]
        failures = sum(len(one.get("failed", [])) for one in rounds if one)
        if figure == "failures":
            return failures
        if not done:
            return None
        return statistics.median(done) if figure == "median" else percentile(done, 0.95)

    def value(self, runner, work, figure):
        """The median of the rounds."""
        values = [value for value in self.series(runner, work, figure) if value is not None]
        return statistics.median(values) if values else None

    def ratio(self, ours, against):
        """The median of the ratios of the same rounds: what disturbs a round disturbs both."""
        pairs = zip(self.series(*ours), self.series(*against))
        ratios = [one / other for one, other in pairs if one is not None and other]
        return statistics.median(ratios) if ratios else None
