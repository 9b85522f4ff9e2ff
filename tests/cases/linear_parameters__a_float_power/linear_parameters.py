def linear_parameters(in_features, out_features):
    return (in_features + 1.0) * out_features
