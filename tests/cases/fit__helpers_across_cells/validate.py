def validate(net, loader, device):
    mode = net.training
    net.eval()
    with torch.no_grad():
        hits = [net(x).argmax(1) == y for x, y in batches_on(device, loader)]
    net.train(mode)
    return torch.cat(hits).double().mean().item()
