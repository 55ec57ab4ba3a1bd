// Models from files, by what the files are.
#include "frontend/model/read_source.h"

#include "frontend/caffe/network.h"
#include "frontend/model/guarded.h"
#include "frontend/onnx/graph.h"
#include "frontend/saved/saved_program.h"

namespace sinter::model {
namespace {

using onnx_import::ModelGraph;

ModelGraph read_graph(const std::string& path, const ModelOptions& options) {
  if (path.ends_with(".onnx") && !options.caffemodel.empty())
    throw Error(path + " is no Caffe network, and has its weights in itself: it takes no .caffemodel");
  if (caffe_import::is_network(path) || !options.caffemodel.empty())
    return guarded("", [&] { return caffe_import::read_network(path, options.caffemodel); });
  if (path.ends_with(".caffemodel"))
    throw Error(path +
                " holds the weights of a Caffe network: the model is its .prototxt file, with this one as "
                "ModelOptions::caffemodel or --caffemodel");
  auto file = guarded("", [&] { return onnx_import::read_model_file(path); });
  return guarded(path, [&] { return onnx_import::build_graph(std::move(file)); });
}

} // namespace

std::unique_ptr<const ProgramSource> read_source(const std::string& path, const ModelOptions& options) {
  if (options.caffemodel.empty() && saved::is_saved(path))
    return guarded("", [&] { return saved::SavedProgram::load(path); });
  return std::make_unique<ModelGraph>(read_graph(path, options));
}

} // namespace sinter::model
