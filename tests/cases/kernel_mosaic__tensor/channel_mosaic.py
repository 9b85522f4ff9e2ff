def channel_mosaic(weight, kernel=0, columns=8):
    return kernel_mosaic(weight[kernel][:, None], columns)[:, :, 0]
