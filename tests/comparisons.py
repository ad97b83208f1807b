"""Comparisons of trainings on few images, which take seconds."""

import csv

from xnorforge.sw import networks
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.tasks import mnist
from xnorforge.sw.tasks.base import Images


def few_images(monkeypatch):
    """256 images to train on, 64 held out, 100 to test and 50 to export with."""
    images, labels = mnist_images.shipped()

    def part(first, last, words):
        return Images(images[first:last], labels[first:last], words)

    held_out, golden = part(256, 320, "64 held out"), part(800, 850, "50 golden images")
    monkeypatch.setattr(mnist.Task, "train_sets", lambda self: (part(0, 256, "256 images"), held_out))
    monkeypatch.setattr(mnist.Task, "golden", lambda self, count=None: golden)
    monkeypatch.setattr(mnist.Task, "test_sets", lambda self: [part(850, 950, "100 test images"), golden])
    recipe = Recipe(epochs=2, batch=64, lr=5e-3, warmup=4, arithmetic="float32")
    monkeypatch.setattr(networks, "recipe", lambda _: recipe)


def silent(text):
    """Takes a line and says nothing."""


def rows_of(folder, table="table"):
    with (folder / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))
