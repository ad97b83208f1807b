"""A detector of object centres (sw/tasks/_boxes.py) for any number of classes."""

from xnorforge.sw.nn.building_blocks import Block, Head, Network

RARE = -2.5  # the score of a centre at the start: most cells have none


def small_detector(classes: int) -> Network:
    """160x128 pixels to maps of 20x16: a centre score per class and four distances."""
    return Network(
        Block(3, 32, kernel=3, pad=1, stride=2, pixels=True),
        Block(32, 32, kernel=3, pad=1, pool=2),
        Block(32, 64, kernel=3, pad=1), Block(64, 64, kernel=3, pad=1, pool=2),
        Block(64, 128, kernel=3, pad=1), Block(128, 128, kernel=3, pad=1, rates=(2,)),
        Block(128, 128, kernel=3, pad=1, rates=(2,)), Head(128, [RARE] * classes + [0.0] * 4),
    )  # fmt: skip
