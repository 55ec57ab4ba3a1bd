// expected: a compiled function takes Tensors, or one std::vector<Tensor>; capture everything else
#include <sinter/sinter.h>

auto f = sinter::compile([](sinter::Tensor x, int n) { return x * n; });
