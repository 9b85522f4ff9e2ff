def resnet_parameters(blocks=(2, 2, 2, 2), num_classes=10):
    widths = [64 * 2**stage for stage in range(len(blocks))]
    count = 3 * 64 * 7 * 7 + 128
    for before, width, number in zip([64, *widths], widths, blocks):
        stride = 1 if width == 64 else 2
        count += basic_block_parameters(before, width, stride)
        count += (number - 1) * basic_block_parameters(before, width, stride)
    return count + (widths[-1] + 1) * num_classes
