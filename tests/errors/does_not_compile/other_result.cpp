// expected: a compiled function returns Tensor, std::vector<Tensor>, or a tuple, pair or array of Tensor
#include <sinter/sinter.h>

auto f = sinter::compile([](sinter::Tensor x) { return x.rank(); });
