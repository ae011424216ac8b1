// sentence, version 1: rows of 1 column in, 2 classes out.
//
// pubspec.yaml:
//   dependencies:
//     flutter_litert: ^2.5.2
//   flutter:
//     assets:
//       - assets/sentence_float32.tflite
// sentence_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
import 'dart:typed_data';

import 'package:flutter_litert/flutter_litert.dart';

const labels = ["cat", "dog"];

/// The model; it may be asked many times, in one isolate.
class Sentence {
  Sentence(this._interpreter) {
    _interpreter.allocateTensors();
  }

  final Interpreter _interpreter;

  static Future<Sentence> load() async =>
      Sentence(await Interpreter.fromAsset("assets/sentence_float32.tflite"));

  /// Tensors in and out: takes ids int32 1 x 6;
  /// gives dog float32 1 x 1, flat, by name.
  Map<String, List<double>> run(List<double> ids) {
    _interpreter.getInputTensor(0).data =
        _bytes(Int32List.fromList(ids.map((x) => x.toInt()).toList()));
    _interpreter.invoke();
    return {
      "dog": _output(_interpreter, 0).asFloat32List(),
    };
  }

  /// Each label's share, the larger first.
  List<MapEntry<String, double>> predict(Map<String, Object?> row) {
    final values = run(encode(row))["dog"]!;
    final shares = [1 - values[0], values[0]];
    final entries = [
      for (var n = 0; n < labels.length; n++) MapEntry(labels[n], shares[n]),
    ];
    return entries..sort((a, b) => b.value.compareTo(a.value));
  }

  void close() => _interpreter.close();
}

Uint8List _bytes(TypedData values) => values.buffer.asUint8List();

/// A copy of a tensor's bytes, which need not lie where wider numbers may.
ByteBuffer _output(Interpreter interpreter, int index) =>
    Uint8List.fromList(interpreter.getOutputTensor(index).data).buffer;

/// A row as the model takes it, such as
/// {"review": "a \"good\" film"}
List<double> encode(Map<String, Object?> row) => [
      ..._tokens_review.encode(_text(row, "review", "")), // may be missing
    ];

String _text(Map<String, Object?> row, String name, [String? missing]) {
  final value = row[name]?.toString() ?? missing;
  if (value == null) throw ArgumentError('$name is missing');
  return value;
}

/// A text as the ids of the tokens that the model knows; Python's small letters, not Dart's.
class _TextTokens {
  _TextTokens({
    required List<String> words, required String between, required int first,
    required this.length, required this.unknown, required this.output, required this.padding,
    required this.truncating, required this.padValue, required List<String> small,
    required this.sigma, required String filters, required this.instead, required this.split,
    required this.separator, required this.ngrams,
  }) : filters = filters.runes.toSet() {
    var place = first;
    for (final line in words) {
      for (final word in line.split(between)) {
        if (word.isNotEmpty) places[word] = place;
        place++;
      }
    }
    for (var n = 0; n < small.length; n += 2) {
      this.small[small[n].runes.first] = small[n + 1].runes.toList();
    }
  }

  final Map<String, int> places = {};
  final Map<int, List<int>> small = {};
  final Set<int> filters;
  final int length;
  final int? unknown;
  final String output, padding, truncating, instead, split, separator;
  final double padValue;
  final bool sigma;
  final List<int> ngrams;

  List<double> encode(String text) {
    final found = [for (final piece in pieces(text)) places[piece] ?? unknown];
    final ids = found.whereType<int>().toList();
    final row = List<double>.filled(length, output == 'ids' ? padValue : 0.0);
    if (output != 'ids') {
      for (final id in ids) {
        row[id] = output == 'binary' ? 1.0 : row[id] + 1.0;
      }
      return row;
    }
    final over = ids.length > length ? ids.length - length : 0;
    final kept = truncating == 'pre' ? ids.sublist(over) : ids.sublist(0, ids.length - over);
    final start = padding == 'pre' ? length - kept.length : 0;
    for (var n = 0; n < kept.length; n++) {
      row[start + n] = kept[n].toDouble();
    }
    return row;
  }

  List<String> pieces(String text) {
    final given = text.runes.toList();
    final buffer = StringBuffer();
    for (var n = 0; n < given.length; n++) {
      for (final rune in lowered(given, n)) {
        buffer.write(filters.contains(rune) ? instead : String.fromCharCode(rune));
      }
    }
    final plain = buffer.toString();
    var parts = [plain];
    if (split == 'separator') parts = plain.split(separator);
    if (split == 'whitespace') parts = plain.split(RegExp(r'[\t-\r ]+'));
    if (split == 'characters') parts = plain.runes.map(String.fromCharCode).toList();
    parts = parts.where((part) => part.isNotEmpty).toList();
    return [
      for (final width in ngrams)
        for (var n = 0; n + width <= parts.length; n++) parts.sublist(n, n + width).join(' '),
    ];
  }

  List<int> lowered(List<int> given, int n) {
    if (sigma && given[n] == 0x3A3) return [isFinal(given, n) ? 0x3C2 : 0x3C3];
    return small[given[n]] ?? [given[n]];
  }

  /// Whether a capital sigma ends its word: letters before it, none behind.
  bool isFinal(List<int> given, int n) {
    var at = n - 1;
    while (at >= 0 && isWithin(given[at], ignored)) {
      at--;
    }
    if (at < 0 || !isWithin(given[at], cased)) return false;
    at = n + 1;
    while (at < given.length && isWithin(given[at], ignored)) {
      at++;
    }
    return at == given.length || !isWithin(given[at], cased);
  }

  bool isWithin(int rune, List<int> ranges) {
    for (var n = 0; n < ranges.length; n += 2) {
      if (ranges[n] <= rune && rune <= ranges[n + 1]) return true;
    }
    return false;
  }

  static final cased = numbers("1t 2i 2p 3e 4q 4q 51 51 56 56 5c 5y 60 6u 6w ca cc cf ck ib id j3 og oj om on or ot ov ov p2 p2 p4 p6 p8 p8 pa pt pv s5 s7 w1 wa 10v 10x 11y 128 13c 3a8 3b9 3bb 3bb 3bh 3bh 3bk 3cq 3ct 3cv 3vk 3xx 3y0 3y5 5mo 5mw 5n4 5oa 5od 5of 5q8 5rf 5t7 5tj 5tl 5ui 5xc 651 654 659 65c 66d 66g 66l 66o 66v 66x 66x 66z 66z 671 671 673 67x 680 69g 69i 69o 69q 69q 69u 69w 69y 6a4 6a8 6ab 6ae 6aj 6ao 6b0 6b6 6b8 6ba 6bg 6iq 6iq 6iv 6iv 6iy 6j7 6j9 6j9 6jd 6jh 6jo 6jo 6jq 6jq 6js 6js 6ju 6jx 6jz 6k4 6k9 6k9 6kc 6kf 6kl 6kp 6ku 6ku 6lc 6m7 6mb 6mc 792 7ah 8ow 8sb 8se 8v8 8vf 8vi 8vm 8vn 8w0 8x1 8x3 8x3 8x9 8x9 wu8 wvh ww0 wwr x0i x2n x2p x3b x3f x3i x3k x56 x5c x5d x5f x5f x5h x5l x6d x6e x6i x6i xtc xui xuo xuw xv4 xxb 1dkw 1dl2 1dlf 1dlj 1ee9 1eey 1ef5 1efu 1fcw 1ff3 1fhs 1fir 1fiw 1fjv 1fn4 1fne 1fng 1fnu 1fnw 1fo2 1fo4 1fo5 1fo7 1foh 1foj 1fox 1foz 1fp5 1fp7 1fp8 1h1c 1h2q 1h34 1h4i 1jfk 1jhb 20cg 20e7 2kg0 2kic 2kie 2kkc 2kke 2kkf 2kki 2kki 2kkl 2kkm 2kkp 2kks 2kku 2kl5 2kl7 2kl7 2kl9 2klf 2klh 2kn9 2knb 2kne 2knh 2kno 2knq 2knw 2kny 2kop 2kor 2kou 2kow 2kp0 2kp2 2kp2 2kp6 2kpc 2kpe 2kyt 2kyw 2kzk 2kzm 2l0a 2l0c 2l16 2l18 2l1w 2l1y 2l2s 2l2u 2l3i 2l3k 2l4e 2l4g 2l54 2l56 2l60 2l62 2l6q 2l6s 2l6z 2mm8 2mmh 2mmj 2mn2 2olc 2on7 2q7k 2q89 2q8g 2q95 2q9c 2qa1");
  static final ignored = numbers("13 13 1a 1a 1m 1m 2m 2m 2o 2o 4o 4o 4t 4t 4v 4v 50 50 53 54 j4 of ok ol oq oq p0 p1 p3 p3 w3 w9 121 121 127 127 13l 14t 14v 14v 14x 14y 150 151 153 153 16c 16c 16o 16t 174 17e 17g 17g 18g 18g 18r 19b 19s 19s 1cm 1ct 1cv 1d4 1d6 1d9 1e7 1e7 1e9 1e9 1f4 1fu 1ie 1io 1kb 1kl 1kq 1kq 1kt 1kt 1li 1m5 1nd 1nf 1oo 1oo 1ow 1ox 1p4 1pb 1qh 1s2 1tm 1tm 1to 1to 1tt 1u0 1u5 1u5 1u9 1uf 1uq 1ur 1v5 1v5 1vl 1vl 1x8 1x8 1xd 1xg 1xp 1xp 1ya 1yb 1z2 1z2 1z5 1z6 20s 20s 20x 20y 213 214 217 219 21d 21d 228 229 22d 22d 22p 22q 24c 24c 24h 24l 24n 24o 24t 24t 25e 25f 262 267 269 269 27w 27w 27z 27z 281 284 28d 28d 28l 28m 28y 28z 29u 29u 2bk 2bk 2bx 2bx 2dc 2dc 2dg 2dg 2f0 2f0 2f2 2f4 2fa 2fc 2fe 2fh 2fp 2fq 2g2 2g3 2gx 2gx 2ik 2ik 2in 2in 2iu 2iu 2j0 2j1 2jm 2jn 2kg 2kh 2m3 2m4 2m9 2mc 2ml 2ml 2n6 2n7 2o1 2o1 2q2 2q2 2qa 2qc 2qe 2qe 2sx 2sx 2t0 2t6 2ti 2tq 2wh 2wh 2wk 2ws 2x2 2x2 2x4 2x9 2zc 2zd 305 305 307 307 309 309 31t 326 328 32c 32e 32f 32l 32v 32x 33w 346 346 371 374 376 37b 37d 37e 37h 37i 388 389 38e 38g 38x 390 39e 39e 39h 39i 39p 39p 3a5 3a5 3cs 3cs 3tp 3tr 4k2 4k4 4ky 4kz 4lu 4lv 4mq 4mr 4ok 4ol 4on 4ot 4p2 4p2 4p5 4pf 4pj 4pj 4pp 4pp 4qz 4r3 4sj 4sj 4ud 4ue 4vd 4vd 4yo 4yq 4yv 4yw 4z6 4z6 4zd 4zf 55j 55k 55n 55n 57a 57a 57c 57i 57k 57k 57m 57m 57p 57w 583 58c 58f 58f 59j 59j 59s 5am 5c0 5c3 5dg 5dg 5di 5dm 5do 5do 5du 5du 5ez 5f7 5fk 5fl 5gi 5gl 5go 5gp 5gr 5gt 5ie 5ie 5ig 5ih 5il 5il 5in 5ip 5kc 5kj 5km 5kn 5mg 5ml 5ow 5oy 5p0 5pc 5pe 5pk 5pp 5pp 5pw 5pw 5q0 5q1 5rg 5t6 5tk 5tk 5uj 5xb 69p 69p 69r 69t 6a5 6a7 6al 6an 6b1 6b3 6bh 6bi 6bv 6bz 6c8 6c9 6ck 6ck 6cn 6cn 6cq 6cu 6e8 6ec 6ee 6en 6ep 6ep 6f3 6f3 6fk 6fw 6hc 6i8 8sc 8sd 8vj 8vl 8z3 8z3 8zj 8zj 928 933 94f 94f 9hh 9hh 9ii 9il 9ip 9it 9iz 9iz 9ll 9lq 9oc 9oe vmd vmd wl4 wl9 wss wss wvj wvm wvo wvx wvz wvz wws wwv wz4 wz5 wzk x0h x2o x2o x3c x3e x6a x6c x6g x6h x6q x6q x6u x6u x6z x6z x7p x7q x7w x7w xc4 xc5 xcw xdd xdr xdr xeu xf1 xfr xg1 xhc xhe xir xir xiu xix xj0 xj1 xjj xjj xk5 xk6 xm1 xm6 xm9 xma xmd xme xmr xmr xn0 xn0 xo0 xo0 xoc xoc xps xps xpu xpw xpz xq0 xq6 xq7 xq9 xq9 xr1 xr1 xrg xrh xrn xro xrq xrq xuj xun xux xuz xyd xyd xyg xyg xyl xyl 1dlq 1dlq 1dpu 1dqa 1e68 1e6n 1e6r 1e6r 1e74 1e7j 1e8i 1e8i 1e8l 1e8l 1edb 1edb 1edj 1edj 1edq 1edq 1ee2 1ee2 1ef2 1ef2 1ef4 1ef4 1egg 1egg 1ehq 1ehr 1ejn 1ejn 1ek9 1ekb 1eyl 1eyl 1f4w 1f4w 1f92 1f96 1g1s 1g1x 1g1z 1g34 1g36 1g3e 1gjl 1gjn 1gjp 1gjq 1gjw 1gjz 1gl4 1gl6 1glb 1glb 1gpx 1gpy 1h5w 1h5z 1hgr 1hgs 1hl2 1hlc 1hmq 1hmt 1hq9 1hq9 1hrs 1hs6 1htc 1htc 1htf 1htg 1htr 1htt 1hv7 1hva 1hvd 1hve 1hvh 1hvh 1hvm 1hvm 1hvx 1hvx 1hxc 1hxe 1hyf 1hyj 1hyl 1hys 1i0j 1i0j 1i0w 1i0x 1i2e 1i2m 1i2x 1i30 1i33 1i33 1i5r 1i5t 1i5w 1i5w 1i5y 1i5z 1i66 1i66 1ian 1ian 1iar 1iay 1ibk 1ibl 1id7 1id8 1idc 1idc 1iee 1iek 1ieo 1ies 1ik8 1ikf 1iki 1ikk 1ikm 1ikm 1ila 1ila 1inn 1ins 1inu 1inu 1inz 1io0 1io2 1io3 1iuq 1iut 1iv0 1iv1 1iv3 1iv4 1ivw 1ivx 1iyb 1iyi 1iyl 1iyl 1iyn 1iyo 1j1n 1j1n 1j1p 1j1p 1j1s 1j1x 1j1z 1j1z 1j4t 1j4v 1j4y 1j51 1j53 1j57 1jcf 1jcn 1jcp 1jcq 1jjv 1jjw 1jjy 1jjy 1jk3 1jk3 1jo4 1jo7 1joa 1job 1jog 1jog 1jpd 1jpm 1jqr 1jqw 1jqz 1jr2 1jrb 1jrb 1jrl 1jrq 1jrt 1jrv 1jt6 1jti 1jtk 1jtl 1k4w 1k52 1k54 1k59 1k5b 1k5b 1k7m 1k87 1k8a 1k8g 1k8i 1k8j 1k8l 1k8m 1kc1 1kc6 1kca 1kca 1kcc 1kcd 1kcf 1kcl 1kcn 1kcn 1keo 1kep 1ket 1ket 1kev 1kev 1koj 1kok 1ovk 1ovs 1zow 1zp0 1zqo 1zqu 1zr4 1zr7 20jz 20jz 20lr 20m7 20o0 20o1 20o3 20o4 2dbk 2dbn 2dbp 2dbv 2dbx 2dby 2ftp 2ftq 2fts 2ftv 2jgg 2jhp 2jhs 2jie 2jxj 2jxl 2jxv 2jya 2jyd 2jyj 2jze 2jzh 2k3m 2k3o 2lmo 2lo6 2lob 2lpo 2lpx 2lpx 2lqc 2lqc 2lqz 2lr3 2lr5 2lrj 2mtc 2mti 2mtk 2mu0 2mu3 2mu9 2mub 2muc 2mue 2mui 2n1s 2n25 2nce 2nce 2ne4 2ne7 2ok0 2ok6 2on8 2onf 2qrf 2qrj jny9 jny9 jnz4 jo1r jo5c jobz");

  static List<int> numbers(String text) =>
      [for (final one in text.split(' ')) int.parse(one, radix: 36)];
}

final _tokens_review = _TextTokens(
  words: [
    "<OOV> good x\"\$1  i̇yi σας",
  ],
  between: " ",
  first: 1, length: 6, unknown: 1,
  output: "ids",
  padding: "pre", truncating: "pre", padValue: 0.0,
  small: ["D", "d", "G", "g", "I", "i", "O", "o", "V", "v", "X", "x", "Y", "y", "İ", "i̇", "Α", "α", "Σ", "σ"], sigma: true,
  filters: "!\"#\$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n", instead: " ",
  split: "separator", separator: " ", ngrams: [1],
);
