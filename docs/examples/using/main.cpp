// A program outside of Sinter's repository: app MODEL.onnx INPUT.npy
#include <sinter/sinter.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: app MODEL.onnx INPUT.npy\n");
    return 2;
  }
  try {
    sinter::Model model = sinter::Model::load(argv[1]);
    auto best = sinter::compile([](sinter::Tensor scores) { return argmax(scores, -1); });
    const sinter::Tensor scores = model.run({sinter::load_npy(argv[2])}).front();
    std::printf("%s\n", to_string(best(scores)).c_str());
  } catch (const sinter::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
