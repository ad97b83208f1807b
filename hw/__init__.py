"""The hardware library: operators (Python contracts and RTL), boards, part families, shells."""
