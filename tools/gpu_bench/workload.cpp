// The networks and operations that are measured.
#include "workload.h"

#include "bert.h"
#include "inputs.h"
#include "placement.h"
#include "resnet50.h"

#include <functional>

namespace sinter::bench {

namespace {

constexpr float kRate = 0.05F; // of the step down the gradient

using Inputs = std::vector<Tensor>;
using Function = std::function<Tensor(Inputs)>;

std::vector<Tensor> all_placed(const std::vector<Tensor>& tensors, const Settings& settings) {
  std::vector<Tensor> result;
  for (const Tensor& tensor : tensors)
    result.push_back(placed(tensor, settings));
  return result;
}

// The first of a batch.
Tensor first(const Tensor& batch, int64_t count) {
  if (count > batch.size(0))
    throw Error("a batch of " + std::to_string(count) + ": the file has " + std::to_string(batch.size(0)));
  return count > 0 ? slice(batch, 0, 0, count).contiguous() : batch;
}

// A function of tensors that do not change. What it captures are constants of the program.
class Evaluation : public Workload {
public:
  Evaluation(Function function, std::vector<Tensor> inputs, const Settings& settings)
      : compiled_(compile(std::move(function), compile_options(settings))), inputs_(std::move(inputs)),
        placed_(all_placed(inputs_, settings)) {}

  void run() override { result_ = compiled_(placed_); }
  std::map<std::string, Tensor> results() override { return {{"output", on_host(compiled_(placed_))}}; }
  std::shared_ptr<const rt::Executable> program() override { return compiled_.executable(placed_); }
  const std::vector<Tensor>& inputs() const override { return inputs_; }

private:
  Compiled<Tensor(Inputs)> compiled_;
  std::vector<Tensor> inputs_, placed_;
  Tensor result_;
};

// Value, gradient and a step of gradient descent as one program: its results are the next run's weights.
class Training : public Workload {
  using Step = std::pair<resnet50::Net, Tensor>;

public:
  Training(const resnet50::Net& net, const Tensor& images, const Tensor& targets, const Settings& settings)
      : compiled_(compile(step, compile_options(settings))), images_(placed(images, settings)),
        targets_(placed(targets, settings)) {
    start_ = net_ = map_tensors(net, [&](const Tensor& tensor) { return placed(tensor, settings); });
    inputs_ = tensors_of(net);
    inputs_.insert(inputs_.end(), {images, targets});
  }

  void run() override { net_ = compiled_(net_, images_, targets_).first; }
  std::map<std::string, Tensor> results() override {
    const auto [net, loss] = compiled_(start_, images_, targets_);
    std::map<std::string, Tensor> results{{"loss", on_host(loss)}};
    for (const auto& [name, tensor] : named_tensors(net))
      results.emplace("model." + name, on_host(tensor));
    return results;
  }
  std::shared_ptr<const rt::Executable> program() override {
    return compiled_.executable(start_, images_, targets_);
  }
  const std::vector<Tensor>& inputs() const override { return inputs_; }

private:
  static Step step(resnet50::Net net, Tensor images, Tensor targets) {
    const auto of_weights = [&](resnet50::Net n) { return loss(n, images, targets); };
    const auto [value, gradient] = value_and_grad(of_weights)(net);
    const auto descend = [](const Tensor& weight, const Tensor& slope) { return weight - kRate * slope; };
    return {map_tensors(std::move(net), gradient, descend), value};
  }

  CompiledOfTrees<Step(resnet50::Net, Tensor, Tensor)> compiled_;
  Tensor images_, targets_;
  resnet50::Net start_, net_;
  std::vector<Tensor> inputs_;
};

std::unique_ptr<Workload> make_resnet50(const Settings& settings) {
  const ResNetFile file = read_resnet50(settings.file);
  const auto function = [net = file.model](const Inputs& x) { return resnet50::logits(net, x[0]); };
  return std::make_unique<Evaluation>(function, Inputs{first(file.input, settings.batch)}, settings);
}

std::unique_ptr<Workload> make_training(const Settings& settings) {
  const ResNetFile file = read_resnet50(settings.file);
  return std::make_unique<Training>(resnet50::for_training(file.model), first(file.input, settings.batch),
                                    first(file.target, settings.batch), settings);
}

std::unique_ptr<Workload> make_bert(const Settings& settings) {
  const BertFile file = read_bert(settings.file);
  const auto function = [net = file.model, heads = file.heads](const Inputs& x) {
    return bert::encode(net, heads, x[0]);
  };
  return std::make_unique<Evaluation>(function, Inputs{first(file.input, settings.batch)}, settings);
}

// Operations that move more than they compute: x is f32[rows, columns], scale and bias are f32[columns].
const std::map<std::string, Function>& operations() {
  static const std::map<std::string, Function> all = {
      {"pointwise",
       [](const Inputs& i) { return leaky_relu(i[0] * i[1] + i[2], 0.1) + 0.5 * square(i[0]) - abs(i[0]); }},
      {"softmax", [](const Inputs& i) { return softmax(i[0]); }},
      {"layer_norm", [](const Inputs& i) { return layer_norm(i[0], i[1], i[2]); }},
      {"sum_rows", [](const Inputs& i) { return sum(i[0], 1); }},
      {"sum_columns", [](const Inputs& i) { return sum(i[0], 0); }},
      {"sum_all", [](const Inputs& i) { return sum(i[0]); }},
  };
  return all;
}

std::unique_ptr<Workload> make_operation(const Function& function, const Settings& settings) {
  const ElementsFile file = read_elements(settings.file);
  return std::make_unique<Evaluation>(function, Inputs{file.input, file.scale, file.bias}, settings);
}

const std::map<std::string, std::unique_ptr<Workload> (*)(const Settings&)>& whole_networks() {
  static const std::map<std::string, std::unique_ptr<Workload> (*)(const Settings&)> all = {
      {"resnet50", make_resnet50}, {"resnet50_training", make_training}, {"bert", make_bert}};
  return all;
}

} // namespace

std::unique_ptr<Workload> make_workload(const Settings& settings) {
  if (const auto found = whole_networks().find(settings.network); found != whole_networks().end())
    return found->second(settings);
  if (const auto found = operations().find(settings.network); found != operations().end())
    return make_operation(found->second, settings);
  throw Error("there is no network '" + settings.network + "'");
}

std::vector<std::string> networks() {
  std::vector<std::string> names;
  for (const auto& [name, make] : whole_networks())
    names.push_back(name);
  for (const auto& [name, function] : operations())
    names.push_back(name);
  return names;
}

} // namespace sinter::bench
