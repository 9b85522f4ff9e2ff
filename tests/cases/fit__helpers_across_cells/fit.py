class Experiment:
    def __init__(self, net, learning_rate, device):
        self.net = net.to(device)
        self.device = device
        self.criterion, self.optimizer = make_criterion_and_optimizer(net, learning_rate)
        self.log = []

    def run(self, train_loader, test_loader):
        loss = train_epoch(self.net, train_loader, self.criterion, self.optimizer, self.device)
        self.log.append({"train_loss": loss, "test_accuracy": validate(self.net, test_loader, self.device)})


def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    experiment = Experiment(net, learning_rate, device)
    for _ in range(epochs):
        experiment.run(train_loader, test_loader)
    return {key: [entry[key] for entry in experiment.log] for key in ("train_loss", "test_accuracy")}
