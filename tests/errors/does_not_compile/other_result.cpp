// expected: not a tree of tensors: give the type a member function template for_each_tensor(visit)
#include <sinter/sinter.h>

auto f = sinter::compile([](sinter::Tensor) { return "a name"; });
