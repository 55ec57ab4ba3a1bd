// The extension module sinter._sinter: the C++ API in Python. The package around it adds what is easier said
// in Python: trees, compile() and the transforms of functions.
#include "located.h"

NB_MODULE(_sinter, module) {
  using namespace sinter::python;
  // Tensors may live in compiled programs and recordings until the process ends.
  nanobind::set_leak_warnings(false);
  module.doc() = "The C++ API of Sinter. Import `sinter` instead.";
  bind_errors(module);
  bind_dtype(module);
  bind_tensor(module);
  bind_device(module);
  bind_creation(module);
  bind_elementwise(module);
  bind_reductions(module);
  bind_contractions(module);
  bind_shapes(module);
  bind_program(module);
  bind_control(module);
  bind_transforms(module);
  bind_model(module);
}
