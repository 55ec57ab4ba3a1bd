// A program of somebody else: consumer MODEL.onnx. Eager and compiled code, gradients, a model, and an error
// that is caught.
#include <sinter/sinter.h>

#include <cstdio>
#include <string>
#include <vector>

namespace {

struct Layer {
  sinter::Tensor weight, bias;
};

int check(bool good, const char* what) {
  if (!good)
    std::printf("wrong: %s\n", what);
  return good ? 0 : 1;
}

bool near(const sinter::Tensor& a, const sinter::Tensor& b) {
  return max(abs(a - b)).item() < 1e-4;
}

int run(const std::string& path) {
  using sinter::Tensor;
  int wrong = 0;
  const Layer layer{Tensor::normal({64, 128}, 1, 0.0, 0.1), Tensor::normal({64}, 2)};
  auto forward = [](const Layer& l, Tensor x) { return softmax(gelu(linear(x, l.weight) + l.bias)); };
  auto fast = sinter::compile(forward);
  const Tensor x = Tensor::uniform({32, 128}, 3);
  wrong += check(near(forward(layer, x), fast(layer, x)), "a compiled function");

  const auto slope = sinter::grad([](Tensor t) { return sum(t * t); });
  const Tensor t = Tensor::uniform({7}, 4);
  wrong += check(near(slope(t), t * 2), "a gradient");

  sinter::Model model = sinter::Model::load(path);
  const std::vector<Tensor> scores = model.run({Tensor::uniform({2, 3, 8, 8}, 5)});
  wrong += check(near(sum(scores.front(), {1}), Tensor::full({2}, 1.0)), "a model");

  try {
    model.run({x});
    wrong += check(false, "no error");
  } catch (const sinter::Error& error) {
    const bool names_input =
        std::string(error.what()).find("input 'x' must be f32[n, 3, 8, 8]") != std::string::npos;
    wrong += check(error.kind() == sinter::ErrorKind::user && names_input, error.what());
  }
  return wrong;
}

} // namespace

int main(int argc, char** argv) {
  return argc == 2 ? run(argv[1]) : 2;
}
