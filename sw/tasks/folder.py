"""Your own pictures, one folder per class (DATA=): any number of classes, 32x32 RGB."""

import shlex
from functools import cached_property

from xnorforge.core.types import Record
from xnorforge.sw.datasets import folder
from xnorforge.sw.tasks import base
from xnorforge.sw.tasks.base import Images

USUAL = "small"
DATA = True  # is trained on what DATA= names
GOLDEN = 1000  # pictures that go with an export, at most


class Task(base.Task):
    """A fifth of the pictures of each class is the test set, a tenth is held out, the rest is for training.
    Without a folder, made-up shapes are used."""

    shape: tuple[int, int, int] = (3, 32, 32)
    reach, fill = 3, 128
    moved_words = "each picture moved by up to {} pixels each way"
    recipe_words: str = moved_words.format(reach)

    @property
    def data_option(self) -> str:
        """The option with the folder, as it was given."""
        root = folder.folder_of_pictures()
        return f"--data {shlex.quote(str(root))}" if root else ""

    @cached_property
    def _own(self) -> folder.OwnFolder | None:
        root = folder.folder_of_pictures()
        return None if root is None else folder.read_folder(root)

    def _part(self, which: str) -> Images:
        own = self._own
        return Images(*(own.part(which, self.shape) if own else folder.made_up_shapes(which, self.shape)))

    @cached_property
    def _tested(self) -> Images:
        return self._part("test")

    def train_sets(self) -> tuple[Images, Images]:
        return self._part("training"), self._part("watched")

    def test_sets(self) -> list[Images]:
        return [self._tested]

    def golden(self, count: int | None = None) -> Images:
        """Return test pictures in the order of their hashes, which mixes the classes."""
        most, whole = min(count or GOLDEN, GOLDEN), self._tested
        if len(whole.images) <= most:
            return whole
        return Images(whole.images[:most], whole.labels[:most], f"the first {most:,} of {whole.what}")

    def names(self, _trained_on: str) -> tuple[str, ...]:
        return folder.class_names()

    def stamp(self) -> Record:
        return {"classes": list(self._own.classes), "pictures": self._own.digest} if self._own else {}
