"""Results drawn into pictures by numpy and Pillow; places are pixels of the picture given."""
