"""Every kind of finding, in one table: ``docs/troubleshooting.md`` is made of it.

``expected`` says what was expected or why it matters, so that ``what; expected. remedy`` reads as
two sentences. The names in braces are filled in where the finding is made.
"""

from __future__ import annotations

from ppcr_ros.health.findings import FindingKind, Level

_NOTE, _WARN, _ERROR = Level.NOTE, Level.WARN, Level.ERROR

# The ROS graph: who publishes what, and with which quality of service.

NOTHING_DISCOVERED = FindingKind(
    "nothing_discovered",
    _WARN,
    "this node sees no other node at all",
    "cameras are found only in the same ROS domain, over the same middleware; here {about}",
    "Compare these variables with those of the camera's shell (env | grep -E 'ROS|RMW'), allow "
    "UDP multicast in the firewall, and give a container --network host and --ipc host.",
)
NO_PUBLISHER = FindingKind(
    "no_publisher",
    _WARN,
    "nothing publishes {about}",
    "the node waits there for {message_type}{candidates}",
    "Start the driver, or name its topic: {argument}",
)
OTHER_TRANSPORT = FindingKind(
    "other_transport",
    _NOTE,
    "nothing publishes {wanted}, so that the image is read from {about}",
    "the same camera publishes it there",
    "Nothing needs to be done; a driver's raw image would need no decoding.",
)
SEVERAL_PUBLISHERS = FindingKind(
    "several_publishers",
    _WARN,
    "{count} publishers send on {about}: {nodes}",
    "images of two cameras on one topic take turns, and answers are about either",
    "Give each camera a topic of its own (a namespace or a remapping of its driver), or stop one "
    "of them.",
)
WRONG_TYPE = FindingKind(
    "wrong_type",
    _ERROR,
    "{about} carries {found}, published by {nodes}",
    "the node subscribes to {message_type} there, and topics of another type never meet",
    "Give the node a topic that carries {message_type}: {argument}",
)
QOS_RELIABILITY = FindingKind(
    "qos_reliability",
    _ERROR,
    "every publisher of {about} offers BEST_EFFORT ({nodes})",
    "node.image_reliability asks for RELIABLE, which a BEST_EFFORT publisher never matches",
    "Set node.image_reliability to auto or best_effort.",
)
COMMAND_QOS = FindingKind(
    "command_qos",
    _ERROR,
    "{nodes} publishes {about} as BEST_EFFORT",
    "commands are taken RELIABLE, so that none is lost, and the two never match",
    "Let it publish with the default QoS (reliable, volatile).",
)
SUBSCRIBER_QOS = FindingKind(
    "subscriber_qos",
    _WARN,
    "{nodes} subscribes to {about} as {asked}",
    "the node offers {offered} there, so that nothing will arrive",
    "Set the subscriber's reliability and durability to what is offered; in RViz, below the "
    "display's topic.",
)
SILENT = FindingKind(
    "silent",
    _WARN,
    "no message came on {about} for {quiet_sec:.0f} s, though {nodes} publishes it with a QoS that "
    "matches",
    "a running camera sends several a second",
    "Check that it streams (ros2 topic hz {about}); where it does, the network loses large "
    "messages: raise net.core.rmem_max, or take compressed images: compressed:=true (ros2 launch) "
    "or -p node.use_compressed:=true (ros2 run).",
)
SILENT_DEPTH = FindingKind(
    "silent_depth",
    _WARN,
    "no message came on {about} for {quiet_sec:.0f} s, though {nodes} publishes it with a QoS that "
    "matches",
    "without it commands are answered, and nothing is graspable",
    "Check that it streams (ros2 topic hz {about}) and that depth is switched on in the driver; "
    "where it does, the network loses large messages: raise net.core.rmem_max, or lower its rate.",
)
NO_CLOCK = FindingKind(
    "no_clock",
    _WARN,
    "use_sim_time is true and no time has come on /clock",
    "the node's time stands at zero without it",
    "Start the simulator, play the bag with --clock, or set use_sim_time to false.",
)
CLOCK_STANDS = FindingKind(
    "clock_stands",
    _WARN,
    "the time on {about} has stood still for {stands_sec:.0f} s",
    "a simulator that is paused and a bag that has ended send neither time nor images",
    "Let the simulator run, or play the bag again (ros2 bag play --clock --loop).",
)
NODE_TWICE = FindingKind(
    "node_twice",
    _ERROR,
    "{count} nodes are called {about}",
    "each command is carried out by all of them, and each result comes from another",
    "Stop all but one, or start the others under another name: namespace:=left (ros2 launch) or "
    "-r __ns:=/left (ros2 run).",
)
SERVER_TWICE = FindingKind(
    "server_twice",
    _ERROR,
    "{count} servers offer the action {about}",
    "each goal is carried out by all of them, and the client gets either answer",
    "Stop all but one, or start the others under another name: namespace:=left (ros2 launch) or "
    "-r __ns:=/left (ros2 run).",
)

# What the messages say of themselves.

NO_CAMERA_INFO = FindingKind(
    "no_camera_info",
    _NOTE,
    "no camera_info comes on {about}",
    "masks need none, but points and boxes in space do",
    "Name it: {argument}",
)
UNCALIBRATED = FindingKind(
    "uncalibrated",
    _NOTE,
    "the focal length in K and P of {about} is zero or no number",
    "the camera is not calibrated, and without its intrinsics nothing can be placed in space",
    "Calibrate it (ros2 run camera_calibration cameracalibrator), or set the driver's "
    "camera_info_url.",
)
CAMERA_INFO_SIZE = FindingKind(
    "camera_info_size",
    _WARN,
    "{about} describes {found} pixels and the image has {size}",
    "intrinsics of another image place the object wrongly, so that they are not used",
    "Name the camera_info of this image's camera: {argument}",
)
CAMERA_INFO_FRAME = FindingKind(
    "camera_info_frame",
    _WARN,
    "{about} is of the frame {found} and the colour image of {frame}",
    "intrinsics of another camera place the object wrongly, so that nothing is graspable",
    "Name the camera_info of this image's camera: {argument}. Where the driver only keeps the "
    "wrong name, set camera.ignore_frame_ids.",
)
LENS_UNCLEAR = FindingKind(
    "lens_unclear",
    _WARN,
    "{about} describes a lens with distortion, and the name of {image} does not say whether that "
    "is a raw image or a rectified one",
    "a raw image has other intrinsics than a rectified one, so that nothing is graspable",
    "Set camera.image_geometry to raw, or to rectified for images of image_proc and the like.",
)
LENS_UNKNOWN = FindingKind(
    "lens_unknown",
    _WARN,
    "the raw image's distortion in {about} cannot be undone",
    "{problem}",
    "Name the rectified image (image_proc makes one: image_rect), with depth registered to it.",
)
SECOND_CAMERA = FindingKind(
    "second_camera",
    _WARN,
    "{about} is of the second camera of a stereo pair, {baseline_m:.3f} m beside the first",
    "its poses would lie in the first camera's frame, so far off, so that nothing is graspable",
    "Name the first camera's image and camera_info, with depth registered to it; where the image "
    "carries a frame of its own, set camera.image_geometry to raw.",
)
DEPTH_SIZE = FindingKind(
    "depth_size",
    _ERROR,
    "the depth image on {about} is {found} pixels and the colour image {size}",
    "depth must be registered to the colour image, pixel by pixel",
    "Take the registered topic (RealSense: align_depth.enable:=true): {argument}",
)
DEPTH_FRAME = FindingKind(
    "depth_frame",
    _WARN,
    "the depth image is in the frame {found} and the colour image in {frame}",
    "depth of another camera lies beside the object, so that nothing is graspable",
    "Take the registered topic (RealSense: align_depth.enable:=true): {argument}. Where the driver "
    "registers it and only keeps the name, set camera.ignore_frame_ids.",
)
DEPTH_ENCODING = FindingKind(
    "depth_encoding",
    _ERROR,
    "the depth image's encoding is {found}",
    "expected 16UC1 (millimetres) or 32FC1 (metres), raw or as compressedDepth",
    "Name the depth image: {argument}",
)
IMAGE_ENCODING = FindingKind(
    "image_encoding",
    _ERROR,
    "the image's encoding is {found}",
    "expected rgb8, bgr8, mono8, YUV, a Bayer mosaic or another of docs/troubleshooting.md",
    "{advice}Set the driver to rgb8 or bgr8, or convert with image_proc.",
)
COMPRESSED_FORMAT = FindingKind(
    "compressed_format",
    _ERROR,
    "the compressed image's format is {found}",
    "expected jpeg, png or zstd",
    "{advice}Set the driver's or the republisher's format to jpeg or png.",
)
COLOUR_LOST = FindingKind(
    "colour_lost",
    _WARN,
    "the compressed images on {about} are grey: {found}",
    "the transport makes a Bayer mosaic grey before it compresses it, and words about colours then "
    "find nothing",
    "Take the raw images, or let the driver (or image_proc's debayer) make them bgr8 first.",
)
FRAME_ID_EMPTY = FindingKind(
    "frame_id_empty",
    _WARN,
    "the frame_id of the images on {about} is empty",
    "results, markers and points carry it, and neither RViz nor TF can place what has none",
    "Set the driver's frame_id parameter, such as camera_color_optical_frame.",
)
FRAME_ID_SLASH = FindingKind(
    "frame_id_slash",
    _WARN,
    "the frame_id of the images on {about} is {found!r}, with a slash in front",
    "results carry it, and tf2 refuses such names",
    "Set the driver's frame_id parameter without the slash.",
)
FRAME_NOT_OPTICAL = FindingKind(
    "frame_not_optical",
    _WARN,
    "the images' frame {about} is not named as an optical one",
    "poses are given in an optical frame (REP 103: z forward); in one whose x points forward they "
    "are turned by 90 degrees, so that nothing is graspable",
    "Set camera.optical_frame_id to the camera's optical frame: {about} itself where its z points "
    "forward, else a frame that the robot's description or tf2_ros' static_transform_publisher "
    "(--roll -1.5708 --yaw -1.5708) puts there.",
)
FRAME_ID_SHARED = FindingKind(
    "frame_id_shared",
    _WARN,
    "the images of the cameras {cameras} carry the same frame_id, {about}",
    "a result tells by its frame_id which camera it is about, and TF cannot part them either",
    "Give each driver a frame_id of its own, such as front_optical_frame.",
)
STAMP_ZERO = FindingKind(
    "stamp_zero",
    _WARN,
    "the images on {about} have the stamp 0",
    "results carry the image's stamp, and TF cannot look up the time 0",
    "Check that the driver fills in header.stamp.",
)
STAMP_FAR = FindingKind(
    "stamp_far",
    _WARN,
    "the stamps on {about} lie {apart} this node's clock",
    "results carry the image's stamp, and TF look-ups at it will fail",
    "For a replay play the bag with --clock and set use_sim_time:=true (ros2 launch) or -p "
    "use_sim_time:=true (ros2 run); for two machines synchronise their clocks (chrony); where "
    "every image is late, the camera or the network lags behind: lower its rate or its size.",
)
STAMPS_BACK = FindingKind(
    "stamps_back",
    _WARN,
    "the stamps on {about} went back by {back_sec:.1f} s",
    "so it is where a bag begins anew: what is known of the time before is forgotten",
    "Nothing needs to be done for a replay; of a live camera let one driver alone publish there, "
    "and let its clock not be set back (chrony slews it).",
)
UNSYNCHRONISED = FindingKind(
    "unsynchronised",
    _ERROR,
    "image and depth both arrive, but no two lie within node.sync_slop_sec ({slop_sec:g} s): the "
    "nearest stamps are {apart_sec:.3f} s apart",
    "points need a depth image that was taken together with the colour image",
    "Let one clock stamp both (RealSense: enable_sync:=true); where nothing in the picture moves, "
    "node.sync_slop_sec may be raised to {slop:.2f}.",
)
OTHER_CLOCK = FindingKind(
    "other_clock",
    _ERROR,
    "image and depth both arrive, but their nearest stamps are {apart_sec:.3f} s apart, and "
    "node.sync_slop_sec is {slop_sec:g}",
    "what was taken so far apart shows two moments, or two clocks have stamped it",
    "Let one clock stamp both: synchronise the machines (chrony), set the driver to stamp with the "
    "time of ROS, or take both from one driver (RealSense: enable_sync:=true).",
)
DEPTH_LATE = FindingKind(
    "depth_late",
    _ERROR,
    "image and depth have equal stamps, but the {late} comes {late_sec:.2f} s after the other: by "
    "then it is kept no longer (node.sync_queue_size is {size}, {kept_sec:.2f} s; "
    "camera.depth_wait_sec is {wait_sec:g})",
    "a pair needs both at one time",
    "Where two clocks stamp them, let one do it (chrony); else set node.sync_queue_size to {queue} "
    "and camera.depth_wait_sec to {wait:.1f}, or let the driver register depth faster.",
)
DEPTH_SLOW = FindingKind(
    "depth_slow",
    _WARN,
    "depth images come {interval_sec:.1f} s apart, and camera.depth_wait_sec is {wait_sec:g}",
    "most images go on without depth, and nothing on them is graspable",
    "Raise the rate of depth, or set camera.depth_wait_sec to {wait:.1f} and node.sync_queue_size "
    "to as many images as come in that time.",
)

# The models and the memory for them.

WEIGHTS_MISSING = FindingKind(
    "weights_missing",
    _ERROR,
    "the weights of the {about} {model!r} are not on this machine: {problem}",
    "the node fetches them only where pipeline.offline is false",
    "Fetch them once (ppcr models pull --config FILE), or name a folder that holds them.",
)
WEIGHTS_DAMAGED = FindingKind(
    "weights_damaged",
    _ERROR,
    "the weights of the {about} {model!r} are damaged: {problem}",
    "every byte of them is needed",
    "Copy or fetch them again; in a git checkout run git lfs pull.",
)
WEIGHTS_CHECKSUM = FindingKind(
    "weights_checksum",
    _ERROR,
    "{about} has the sha256 {found}",
    "SHA256SUMS.txt says {wanted}: this is not the file that was shipped",
    "Install the package again; after a training of your own, write SHA256SUMS.txt anew.",
)
MEMORY_SHORT = FindingKind(
    "memory_short",
    _WARN,
    "the models need about {needed} of {about} and {available} are free",
    "where it runs out the system ends the node, or the GPU's library raises an error (estimated "
    "from the weight files and the number format)",
    "Close what else uses it, choose a smaller model, or set mllm.quantization to int8 or int4 "
    "(with CUDA).",
)
CUDA_MISSING = FindingKind(
    "cuda_missing",
    _ERROR,
    "CUDA is asked for ({about}), but torch sees no CUDA device",
    "{detail}",
    "Set it to auto or cpu (device:=cpu), or install a CUDA build of torch; nvidia-smi says "
    "whether the driver works, and a container needs --gpus all.",
)
MODELS_NOT_LOADED = FindingKind(
    "models_not_loaded",
    _ERROR,
    "the models cannot be loaded",
    "{problem}",
    "Mend that and configure the node again (ros2 lifecycle set {node} configure), or start it "
    "again; ppcr doctor looks for more.",
)
ENGINE_DOWN = FindingKind(
    "engine_down",
    _WARN,
    "the engine at {about} that serves the MLLM gives no answers: {problem}",
    "stages 1 and 2 are asked of an engine on another computer or in another process, so that "
    "every command ends as ERROR until it answers, or goes to node.fallback_config",
    "Start the engine, and look whether mllm.endpoint is its address and ends in /v1 "
    "(docs/serving.md has the command lines).",
)
ENGINE_MODEL = FindingKind(
    "engine_model",
    _WARN,
    "the engine at {about} does not serve {model}; it serves {served}",
    "an engine refuses a model's name that it does not know",
    "Set mllm.model to one of these names, or serve the model under that name.",
)
FALLBACK_MODELS = FindingKind(
    "fallback_models",
    _WARN,
    "{detail}",
    "memory ran out with the configured models, or the engine that serves the MLLM does not "
    "answer, so commands are answered by others",
    "Choose a smaller model or mllm.quantization int8 or int4, or close what else uses the memory; "
    "then configure the node again.",
)
NOT_ACTIVE = FindingKind(
    "not_active",
    _WARN,
    "the command is not carried out: the node is {about}",
    "only an active node sees images, and a command is never kept for later, when the person may "
    "have turned away",
    "Say it again once the node is active; /diagnostics and ros2 lifecycle get {node} say when. A "
    "node without autostart waits for ros2 lifecycle set {node} configure, then activate.",
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, FindingKind))
"""All of them, in the order of the page."""
