"""mnist-cnn on articles of clothing: three convolutions and two dense layers; 187,936 weights."""

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.networks.mnist_cnn import INTERVAL as INTERVAL
from xnorforge.sw.networks.mnist_cnn import build as build

RECIPE = Recipe(epochs=30, batch=128, lr=5e-3)
