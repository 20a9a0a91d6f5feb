"""Which architectures are there? One folder each; `pretrained.registry` finds them."""
