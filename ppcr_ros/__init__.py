"""PPCR for ROS 2: find the object that a person names, in three stages of reasoning.

The package follows Progressive Prompt-guided Cross-modal Reasoning (PPCR, arXiv 2603.27993):
Semantic Understanding, Spatial Grounding, Instance Segmentation.
"""

from pkgutil import extend_path

# The build generates ppcr_ros.msg into the install folder. `python -m` in the checkout puts the
# sources first on the path; the messages are then still found where they were built.
__path__ = extend_path(__path__, __name__)

__version__ = "0.9.0"
