"""Layer-wise relevance propagation (Bach et al. 2015), summed over the colour channels."""

from torch import Tensor, nn

from regard.kernels.relevance import relevance


def lrp_epsilon(
    model: nn.Module, images: Tensor, targets: Tensor, epsilon: float = 1e-6, relative: bool = False
) -> Tensor:
    """LRP-epsilon maps (N, H, W), signed; the rule, its convention and its parameters are `kernels.relevance`'s."""
    return relevance(model, images, targets, epsilon, relative).sum(dim=1)
