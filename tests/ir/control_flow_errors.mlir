// What the verifiers of branches and loops refuse, and in which words.
// RUN: sinter-opt %s --split-input-file --verify-diagnostics

func.func @cond_predicate(%p: tensor<2xi1>, %x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.cond' op the predicate must be a single bool, not 'tensor<2xi1>'}}
  %0 = sinter.cond %p, %x : (tensor<2xi1>, tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    sinter.yield %a : tensor<f32>
  } else {
  ^bb0(%a: tensor<f32>):
    sinter.yield %a : tensor<f32>
  }
  return %0 : tensor<f32>
}

// -----

func.func @cond_arguments(%p: tensor<i1>, %x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.cond' op else_body takes ('tensor<f64>'), but the inputs are ('tensor<f32>')}}
  %0 = sinter.cond %p, %x : (tensor<i1>, tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    sinter.yield %a : tensor<f32>
  } else {
  ^bb0(%a: tensor<f64>):
    %b = sinter.cast %a {to = f32} : (tensor<f64>) -> tensor<f32>
    sinter.yield %b : tensor<f32>
  }
  return %0 : tensor<f32>
}

// -----

func.func @cond_results(%p: tensor<i1>, %x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.cond' op then_body gives ('tensor<f32>'), but else_body gives ()}}
  %0 = sinter.cond %p, %x : (tensor<i1>, tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    sinter.yield %a : tensor<f32>
  } else {
  ^bb0(%a: tensor<f32>):
    sinter.yield
  }
  return %0 : tensor<f32>
}

// -----

func.func @while_condition(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.while' op condition gives ('tensor<f32>'), not a single bool}}
  %0 = sinter.while %x {operandSegmentSizes = array<i32: 1, 0>} : (tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    sinter.yield %a : tensor<f32>
  } do {
  ^bb0(%a: tensor<f32>):
    sinter.yield %a : tensor<f32>
  }
  return %0 : tensor<f32>
}

// -----

func.func @while_carries(%x: tensor<f32>, %p: tensor<i1>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.while' op body gives ('tensor<i1>'), but the carries are ('tensor<f32>')}}
  %0 = sinter.while %x, %p {operandSegmentSizes = array<i32: 1, 1>} : (tensor<f32>, tensor<i1>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>, %b: tensor<i1>):
    sinter.yield %b : tensor<i1>
  } do {
  ^bb0(%a: tensor<f32>, %b: tensor<i1>):
    sinter.yield %b : tensor<i1>
  }
  return %0 : tensor<f32>
}

// -----

func.func @scan_steps(%x: tensor<f32>, %s: tensor<4xf32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.scan' op a sequence is 'tensor<4xf32>', but its first dimension must have the extent of the steps, 3}}
  %0 = sinter.scan %x, %s {operandSegmentSizes = array<i32: 1, 1, 0>, steps = 3 : i64} : (tensor<f32>, tensor<4xf32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>, %i: tensor<f32>):
    sinter.yield %a : tensor<f32>
  }
  return %0 : tensor<f32>
}

// -----

func.func @scan_arguments(%x: tensor<f32>, %s: tensor<4xf32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.scan' op body takes ('tensor<f32>', 'tensor<4xf32>'), but carries, slices and invariants are ('tensor<f32>', 'tensor<f32>')}}
  %0 = sinter.scan %x, %s {operandSegmentSizes = array<i32: 1, 1, 0>, steps = 4 : i64} : (tensor<f32>, tensor<4xf32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>, %i: tensor<4xf32>):
    sinter.yield %a : tensor<f32>
  }
  return %0 : tensor<f32>
}

// -----

func.func @scan_results(%x: tensor<f32>) -> (tensor<f32>, tensor<4xf32>) {
  // expected-error @+2 {{'sinter.scan' op inferred type(s) 'tensor<f32>', 'tensor<5xf32>' are incompatible with return type(s) of operation 'tensor<f32>', 'tensor<4xf32>'}}
  // expected-error @+1 {{'sinter.scan' op failed to infer returned types}}
  %0:2 = sinter.scan %x {operandSegmentSizes = array<i32: 1, 0, 0>, steps = 5 : i64} : (tensor<f32>) -> (tensor<f32>, tensor<4xf32>) {
  ^bb0(%a: tensor<f32>):
    sinter.yield %a, %a : tensor<f32>, tensor<f32>
  }
  return %0#0, %0#1 : tensor<f32>, tensor<4xf32>
}

// -----

func.func @body_alone(%x: tensor<f32>) -> tensor<f32> {
  // expected-note @+1 {{required by region isolation constraints}}
  %0 = sinter.scan %x {operandSegmentSizes = array<i32: 1, 0, 0>, steps = 5 : i64} : (tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    // expected-error @+1 {{'sinter.add' op using value defined outside the region}}
    %b = sinter.add %a, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
    sinter.yield %b : tensor<f32>
  }
  return %0 : tensor<f32>
}

// -----

func.func @checkpoint_arguments(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.checkpoint' op body takes ('tensor<2xf32>'), but the inputs are ('tensor<f32>')}}
  %0 = sinter.checkpoint %x : (tensor<f32>) -> tensor<2xf32> {
  ^bb0(%a: tensor<2xf32>):
    sinter.yield %a : tensor<2xf32>
  }
  return %x : tensor<f32>
}

// -----

func.func @rule_arguments(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.custom_gradient' op the rule takes ('tensor<f32>', 'tensor<f32>'), but inputs, results, cotangents and what it captures are ('tensor<f32>', 'tensor<f32>', 'tensor<f32>')}}
  %0 = sinter.custom_gradient %x, %x {operandSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f32>, tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    sinter.yield %a : tensor<f32>
  }
  return %0 : tensor<f32>
}

// -----

func.func @rule_results(%x: tensor<2xf32>, %y: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.custom_gradient' op the rule gives 'tensor<f32>' as the cotangent of an input of 'tensor<2xf32>'}}
  %0 = sinter.custom_gradient %x, %y {operandSegmentSizes = array<i32: 1, 1, 0>} : (tensor<2xf32>, tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<2xf32>, %b: tensor<f32>, %c: tensor<f32>):
    sinter.yield %c : tensor<f32>
  }
  return %0 : tensor<f32>
}

// -----

func.func @rule_count(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'sinter.custom_gradient' op the rule gives 0 cotangents for 1 inputs}}
  %0 = sinter.custom_gradient %x, %x {operandSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f32>, tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>):
    sinter.yield
  }
  return %0 : tensor<f32>
}
