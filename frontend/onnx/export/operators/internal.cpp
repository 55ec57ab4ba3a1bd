// What only the compiler makes, after the point at which programs are written.
#include "frontend/onnx/export/exporters.h"

namespace sinter::onnx_export {

void add_internal(ExporterTable& table) {
  constexpr const char* kInternal = "it is made inside of the compiler and has no counterpart";
  table.refuse<ir::WinogradFilterOp>(kInternal);
  table.refuse<ir::WinogradConvOp>(kInternal);
  table.refuse<ir::ConvertLayoutOp>(kInternal);
  table.refuse<ir::FusionOp>(kInternal);
  table.refuse<ir::KernelOp>(kInternal);
  table.refuse<ir::LaunchOp>(kInternal);
  table.refuse<ir::RandomUniformOp>("ONNX does not say which random numbers follow from a seed");
  table.refuse<ir::YieldOp>("it ends a body, which is written with the operation it belongs to");
  table.refuse<ir::ConstantOp>("it is an initialiser, not a node");
  constexpr const char* kDerivative = "derivatives are taken before a program is written";
  table.refuse<ir::CheckpointOp>(kDerivative);
  table.refuse<ir::CustomGradientOp>(kDerivative);
}

} // namespace sinter::onnx_export
