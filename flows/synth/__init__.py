"""Resources: every layer is synthesised by Yosys; results are cached by their inputs."""
