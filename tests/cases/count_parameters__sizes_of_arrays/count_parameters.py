def count_parameters(net):
    arrays = [weight.detach().cpu().numpy() for weight in net.parameters() if weight.requires_grad]
    return sum(array.size for array in arrays)
