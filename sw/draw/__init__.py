"""Results drawn into pictures, for people: numpy and Pillow alone. All places are in pixels of the picture
given.
"""
