;; What takes the time in a loop of a recurrent layer, four numbers at a time: one step's product,
;; and its activations. tools/write_simd.mjs writes it into simd.js.
;;
;; What a step does one after another is a list in the memory, which "run" goes through: a call from
;; JavaScript to each would take as long as what the short ones compute.
;;
;; Arrays are float32, at addresses in bytes, each with room for 32 numbers behind its end: what is
;; computed past the end of a row is written over by the next row, or is never read.
;; relaxed_madd is a * b + c, rounded once or twice; the tool writes a second module without it, for
;; browsers that lack it.
(module
  (import "loop" "memory" (memory 1))

  ;; loops.js names them in this order.
  (table funcref (elem $sum $product $difference $sigmoid $tanh $multiply $copy $item))
  ;; Two operands, the result and three sizes, of which most take the first.
  (type $work (func (param i32 i32 i32 i32 i32 i32)))

  ;; Each has 32 bytes: which, and what it takes.
  (func (export "run") (param $at i32) (param $end i32)
    (loop $more
      (call_indirect (type $work)
        (i32.load offset=4 (local.get $at)) (i32.load offset=8 (local.get $at))
        (i32.load offset=12 (local.get $at)) (i32.load offset=16 (local.get $at))
        (i32.load offset=20 (local.get $at)) (i32.load offset=24 (local.get $at))
        (i32.load (local.get $at)))
      (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 32)))
        (local.get $end)))))

  ;; exp(x) as 2^n * e^r, where |r| <= ln(2)/2 (W. J. Cody and W. Waite, Software Manual for the
  ;; Elementary Functions, 1980; coefficients of S. L. Moshier's Cephes library, expf).
  (func $exp (param $x v128) (result v128)
    (local $n v128) (local $r v128)
    (local.set $x (f32x4.pmax (f32x4.pmin (local.get $x) (v128.const f32x4 88 88 88 88))
      (v128.const f32x4 -87 -87 -87 -87)))
    (local.set $n (f32x4.nearest (f32x4.mul (local.get $x)
      (v128.const f32x4 1.44269504 1.44269504 1.44269504 1.44269504))))
    (local.set $r (f32x4.sub
      (f32x4.sub (local.get $x) (f32x4.mul (local.get $n)
        (v128.const f32x4 0.693359375 0.693359375 0.693359375 0.693359375)))
      (f32x4.mul (local.get $n)
        (v128.const f32x4 -2.12194440e-4 -2.12194440e-4 -2.12194440e-4 -2.12194440e-4))))
    (local.set $x (v128.const f32x4 1.9875691500e-4 1.9875691500e-4 1.9875691500e-4 1.9875691500e-4))
    (local.set $x (f32x4.relaxed_madd (local.get $x) (local.get $r)
        (v128.const f32x4 1.3981999507e-3 1.3981999507e-3 1.3981999507e-3 1.3981999507e-3)))
    (local.set $x (f32x4.relaxed_madd (local.get $x) (local.get $r)
        (v128.const f32x4 8.3334519073e-3 8.3334519073e-3 8.3334519073e-3 8.3334519073e-3)))
    (local.set $x (f32x4.relaxed_madd (local.get $x) (local.get $r)
        (v128.const f32x4 4.1665795894e-2 4.1665795894e-2 4.1665795894e-2 4.1665795894e-2)))
    (local.set $x (f32x4.relaxed_madd (local.get $x) (local.get $r)
        (v128.const f32x4 1.6666665459e-1 1.6666665459e-1 1.6666665459e-1 1.6666665459e-1)))
    (local.set $x (f32x4.relaxed_madd (local.get $x) (local.get $r)
        (v128.const f32x4 0.5 0.5 0.5 0.5)))
    (local.set $x (f32x4.add (f32x4.relaxed_madd (f32x4.mul (local.get $x) (local.get $r)) (local.get $r)
        (local.get $r))
      (v128.const f32x4 1 1 1 1)))
    (f32x4.mul (local.get $x) (i32x4.shl
      (i32x4.add (i32x4.trunc_sat_f32x4_s (local.get $n)) (v128.const i32x4 127 127 127 127))
      (i32.const 23))))

  ;; 1 / (1 + exp(-x))
  (func $sigmoid (param $x i32) (param i32) (param $out i32) (param $count i32) (param i32 i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $x) (i32.shl (local.get $count) (i32.const 2))))
    (loop $more
      (v128.store (local.get $out) (f32x4.div (v128.const f32x4 1 1 1 1)
        (f32x4.add (v128.const f32x4 1 1 1 1)
          (call $exp (f32x4.neg (v128.load (local.get $x)))))))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $more (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16)))
        (local.get $end)))))

  ;; Near 0, where 1 - 2 / (exp(2x) + 1) loses its digits, a polynomial (Cephes, tanhf).
  (func $tanh (param $x i32) (param i32) (param $out i32) (param $count i32) (param i32 i32)
    (local $end i32) (local $v v128) (local $size v128) (local $z v128) (local $near v128)
    (local.set $end (i32.add (local.get $x) (i32.shl (local.get $count) (i32.const 2))))
    (loop $more
      (local.set $v (v128.load (local.get $x)))
      (local.set $size (f32x4.abs (local.get $v)))
      (local.set $z (f32x4.mul (local.get $v) (local.get $v)))
      (local.set $near (v128.const f32x4
        -5.70498872745e-3 -5.70498872745e-3 -5.70498872745e-3 -5.70498872745e-3))
      (local.set $near (f32x4.relaxed_madd (local.get $near) (local.get $z)
        (v128.const f32x4
        2.06390887954e-2 2.06390887954e-2 2.06390887954e-2 2.06390887954e-2)))
      (local.set $near (f32x4.relaxed_madd (local.get $near) (local.get $z)
        (v128.const f32x4
        -5.37397155531e-2 -5.37397155531e-2 -5.37397155531e-2 -5.37397155531e-2)))
      (local.set $near (f32x4.relaxed_madd (local.get $near) (local.get $z)
        (v128.const f32x4
        1.33314422036e-1 1.33314422036e-1 1.33314422036e-1 1.33314422036e-1)))
      (local.set $near (f32x4.relaxed_madd (local.get $near) (local.get $z)
        (v128.const f32x4
        -3.33332819422e-1 -3.33332819422e-1 -3.33332819422e-1 -3.33332819422e-1)))
      (local.set $near (f32x4.relaxed_madd (f32x4.mul (local.get $near) (local.get $z)) (local.get $v)
        (local.get $v)))
      (v128.store (local.get $out) (v128.bitselect
        (local.get $near)
        (v128.or
          (f32x4.sub (v128.const f32x4 1 1 1 1) (f32x4.div (v128.const f32x4 2 2 2 2)
            (f32x4.add (v128.const f32x4 1 1 1 1)
              (call $exp (f32x4.add (local.get $size) (local.get $size))))))
          (v128.and (local.get $v) (v128.const i32x4 0x80000000 0x80000000 0x80000000 0x80000000)))
        (f32x4.lt (local.get $size) (v128.const f32x4 0.625 0.625 0.625 0.625))))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $more (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16)))
        (local.get $end)))))

  (func $sum (param $a i32) (param $b i32) (param $out i32) (param $count i32) (param i32 i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 2))))
    (loop $more
      (v128.store (local.get $out)
        (f32x4.add (v128.load (local.get $a)) (v128.load (local.get $b))))
      (local.set $b (i32.add (local.get $b) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $more (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 16)))
        (local.get $end)))))

  (func $product (param $a i32) (param $b i32) (param $out i32) (param $count i32) (param i32 i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 2))))
    (loop $more
      (v128.store (local.get $out)
        (f32x4.mul (v128.load (local.get $a)) (v128.load (local.get $b))))
      (local.set $b (i32.add (local.get $b) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $more (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 16)))
        (local.get $end)))))

  (func $difference (param $a i32) (param $b i32) (param $out i32) (param $count i32) (param i32 i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 2))))
    (loop $more
      (v128.store (local.get $out)
        (f32x4.sub (v128.load (local.get $a)) (v128.load (local.get $b))))
      (local.set $b (i32.add (local.get $b) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $more (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 16)))
        (local.get $end)))))

  ;; out = a . w, of rows x depth and depth x width numbers: 32 columns at a time, since a sum waits
  ;; four cycles for the one before it, and a processor can begin two a cycle.
  (func $multiply (param $a i32) (param $w i32) (param $out i32)
    (param $rows i32) (param $depth i32) (param $width i32)
    (local $j i32) (local $at i32) (local $end i32) (local $from i32) (local $one v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local $s4 v128) (local $s5 v128) (local $s6 v128) (local $s7 v128)
    (local.set $depth (i32.shl (local.get $depth) (i32.const 2)))
    (local.set $width (i32.shl (local.get $width) (i32.const 2)))
    (loop $row
      (local.set $j (i32.const 0))
      (local.set $end (i32.add (local.get $a) (local.get $depth)))
      (loop $columns
        (local.set $s0 (v128.const i32x4 0 0 0 0))
        (local.set $s1 (v128.const i32x4 0 0 0 0))
        (local.set $s2 (v128.const i32x4 0 0 0 0))
        (local.set $s3 (v128.const i32x4 0 0 0 0))
        (local.set $s4 (v128.const i32x4 0 0 0 0))
        (local.set $s5 (v128.const i32x4 0 0 0 0))
        (local.set $s6 (v128.const i32x4 0 0 0 0))
        (local.set $s7 (v128.const i32x4 0 0 0 0))
        (local.set $at (local.get $a))
        (local.set $from (i32.add (local.get $w) (local.get $j)))
        (loop $deep
          (local.set $one (v128.load32_splat (local.get $at)))
          (local.set $s0 (f32x4.relaxed_madd (local.get $one) (v128.load (local.get $from))
            (local.get $s0)))
          (local.set $s1 (f32x4.relaxed_madd (local.get $one) (v128.load offset=16 (local.get $from))
            (local.get $s1)))
          (local.set $s2 (f32x4.relaxed_madd (local.get $one) (v128.load offset=32 (local.get $from))
            (local.get $s2)))
          (local.set $s3 (f32x4.relaxed_madd (local.get $one) (v128.load offset=48 (local.get $from))
            (local.get $s3)))
          (local.set $s4 (f32x4.relaxed_madd (local.get $one) (v128.load offset=64 (local.get $from))
            (local.get $s4)))
          (local.set $s5 (f32x4.relaxed_madd (local.get $one) (v128.load offset=80 (local.get $from))
            (local.get $s5)))
          (local.set $s6 (f32x4.relaxed_madd (local.get $one) (v128.load offset=96 (local.get $from))
            (local.get $s6)))
          (local.set $s7 (f32x4.relaxed_madd (local.get $one) (v128.load offset=112 (local.get $from))
            (local.get $s7)))
          (local.set $from (i32.add (local.get $from) (local.get $width)))
          (br_if $deep (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4)))
            (local.get $end))))
        (local.set $from (i32.add (local.get $out) (local.get $j)))
        (v128.store (local.get $from) (local.get $s0))
        (v128.store offset=16 (local.get $from) (local.get $s1))
        (v128.store offset=32 (local.get $from) (local.get $s2))
        (v128.store offset=48 (local.get $from) (local.get $s3))
        (v128.store offset=64 (local.get $from) (local.get $s4))
        (v128.store offset=80 (local.get $from) (local.get $s5))
        (v128.store offset=96 (local.get $from) (local.get $s6))
        (v128.store offset=112 (local.get $from) (local.get $s7))
        (br_if $columns (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 128)))
          (local.get $width))))
      (local.set $a (local.get $end))
      (local.set $out (i32.add (local.get $out) (local.get $width)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  (func $copy (param $from i32) (param i32) (param $to i32) (param $count i32) (param i32 i32)
    (memory.copy (local.get $to) (local.get $from) (i32.shl (local.get $count) (i32.const 2))))

  ;; A step's part of a list: which one stands at $index.
  (func $item (param $list i32) (param $index i32) (param $to i32) (param $count i32) (param i32 i32)
    (local.set $count (i32.shl (local.get $count) (i32.const 2)))
    (memory.copy (local.get $to)
      (i32.add (local.get $list) (i32.mul (local.get $count) (i32.load (local.get $index))))
      (local.get $count))))
