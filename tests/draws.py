"""What everything that is drawn from a seed shares."""

import numpy as np


class Draws:
    """Choices of the generator `rng`."""

    rng: np.random.Generator

    def chance(self, share: float) -> bool:
        """True in that share of all draws."""
        return bool(self.rng.random() < share)

    def pick(self, *options):
        """One of these, each as likely as the others."""
        return options[int(self.rng.integers(len(options)))]
