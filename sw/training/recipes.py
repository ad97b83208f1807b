"""Recipes by name: how a method trains a network, in its paper or here.

A recipe is written as its name and, after commas, what differs: "paper", "paper,epochs=60",
"ours,optimiser=sgd,lr=0.05". "ours" is the recipe in the network's file, "brevitas" that of bnn_pynq in
brevitas_examples, for networks of classes. Every other name is a key of the method's `RECIPES`: per pattern
of network names (as in a shell), the attributes of `Recipe` that differ from ours. The name of a method
stands for the recipe of its paper, so that others can be trained by it for comparison.
"""

from dataclasses import fields, replace
from fnmatch import fnmatch
from typing import Any

from xnorforge.core import plugins
from xnorforge.core.errors import UserError, unknown
from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.networks.base import ARITHMETIC, LOSSES, OPTIMISERS, SCHEDULES, Recipe

OURS, PAPER = "ours", "paper"
BREVITAS = {
    "epochs": 500, "batch": 100, "lr": 0.02, "warmup": 1, "optimiser": "adam", "weight_decay": 0.0,
    "schedule": "halving", "shift": 4, "loss": "squared_hinge", "start": 1.0,
}  # fmt: skip


def recipe_of(net: str, method: base.Method, words: str = OURS) -> Recipe:
    """The recipe that `words` describe; UserError: no such recipe or attribute, a wrong value."""
    name, *settings = words.split(",")
    every = {name: plugins.load("sw.methods", name).Method.RECIPES for name in plugins.names("sw.methods")}
    papers = {name: recipes[PAPER] for name, recipes in every.items() if PAPER in recipes}
    named = {OURS: {"*": {}}, "brevitas": {"*": BREVITAS}} | papers | dict(method.RECIPES)
    if name not in named:
        raise unknown("RECIPE", name, named)
    changes: dict[str, Any] = {}
    for pattern, attributes in named[name].items():
        if fnmatch(net, pattern):
            changes |= attributes
    kinds: dict[str, Any] = {field.name: field.type for field in fields(Recipe)}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if key not in kinds or not equals:
            raise unknown("RECIPE, attribute", key, kinds)
        changes[key] = base.value_of(f"RECIPE, attribute {key}", value, kinds[key])
    return _checked(replace(networks.recipe(net), **changes))


def _checked(recipe: Recipe) -> Recipe:
    """Return the recipe; raise if an attribute has a value that is not allowed."""
    allowed = {"optimiser": OPTIMISERS, "schedule": SCHEDULES, "arithmetic": ARITHMETIC, "loss": LOSSES}
    for key, values in allowed.items():
        if getattr(recipe, key) not in values:
            raise unknown(f"RECIPE, {key}", getattr(recipe, key), values)
    try:
        places = [float(place) for place in recipe.drops.split()]
    except ValueError:
        places = [-1.0]
    if not all(0 < place < 1 for place in places) or (recipe.schedule == "step" and not places):
        raise UserError(
            f"RECIPE: drops='{recipe.drops}' must be numbers between 0 and 1, the parts of a phase at which "
            "the learning rate drops, such as drops=0.5 0.9."
        )
    least = {"epochs": 1, "batch": 1, "warmup": 1, "passes": 1, "shift": -1, "images": 0, "fold": 0}
    least |= {"weight_decay": 0, "momentum": 0, "start": 0}
    low = [key for key, value in least.items() if not getattr(recipe, key) >= value]
    if low or not recipe.lr > 0 or not 0 < recipe.drop <= 1:
        key = [*low, "drop" if recipe.lr > 0 else "lr"][0]
        raise UserError(
            f"RECIPE: {key}={getattr(recipe, key)} is out of range; give "
            f"{f'{least[key]} or more' if key in least else 'a number above 0 (drop: at most 1)'}."
        )
    return recipe
