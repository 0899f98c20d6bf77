"""The CustomResourceDefinition of a ModelDeployment, generated from the models of its spec and its state.

The models are the only source. A rule that a model checks in Python stands here once more in CEL, in the same words, so
that the API server refuses what `serinus lint` refuses.
"""
