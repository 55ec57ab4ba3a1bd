// Writes the tests' small classifier: sinter_small_model FILE.onnx
#include "support/model_builder.h"

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: sinter_small_model FILE.onnx\n", stderr);
    return 2;
  }
  sinter::test::small_classifier().save(argv[1]);
  return 0;
}
