// A network's weights in a safetensors file, and its compiled function in a file that runs without this
// source.
#include <sinter/sinter.h>

#include <cstdio>
#include <filesystem>

using sinter::Tensor;

struct Layer {
  Tensor weight, bias;
};

struct Net {
  std::vector<Layer> layers;
  Layer head;

  Tensor operator()(Tensor x) const {
    for (const Layer& layer : layers)
      x = relu(linear(x, layer.weight, layer.bias));
    return linear(x, head.weight, head.bias);
  }
};

Layer make_layer(int64_t outputs, int64_t inputs) {
  return {Tensor::normal({outputs, inputs}, /*seed=*/1, 0, 0.1), Tensor::zeros({outputs})};
}

int main() {
  try {
    const std::filesystem::path folder = std::filesystem::temp_directory_path();
    const std::string weights = folder / "net.safetensors", function = folder / "net.sinter";

    const Net net{{make_layer(64, 32), make_layer(64, 64)}, make_layer(10, 64)};
    sinter::save_safetensors(weights, net);
    for (const auto& [name, tensor] : sinter::load_safetensors(weights))
      std::printf("%s %s\n", name.c_str(), to_string(tensor.shape()).c_str());

    Net same{std::vector<Layer>(2), {}};
    sinter::load_into(same, weights);

    const Tensor x = Tensor::uniform({1, 32}, /*seed=*/2);
    auto f = sinter::compile([same](Tensor x) { return softmax(same(x)); });
    f.save(function, x,
           {.inputs = {"x"}, .outputs = {"probabilities"}, .weights = sinter::named_tensors(same)});

    auto loaded = sinter::load_compiled<Tensor(Tensor)>(function);
    std::printf("difference: %g\n", max(abs(loaded(x) - softmax(net(x)))).item());
    std::filesystem::remove(weights);
    std::filesystem::remove(function);
  } catch (const sinter::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
