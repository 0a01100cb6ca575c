"""Every kind of finding, in one table: ``docs/troubleshooting.md`` is made of it.

``expected`` says what was expected or why it matters, so that ``what; expected. remedy`` reads as
two sentences. The names in braces are filled in where the finding is made.
"""

from __future__ import annotations

from ppcr_ros.health.findings import Kind, Level

_NOTE, _WARN, _ERROR = Level.NOTE, Level.WARN, Level.ERROR

# The ROS graph: who publishes what, and with which quality of service.

NOTHING_DISCOVERED = Kind(
    "nothing_discovered",
    _WARN,
    "this node sees no other node at all",
    "cameras and robots are found only in the same ROS domain, over the same middleware and where "
    "discovery is let through; here {about}",
    "Compare these variables with those of the camera's shell (env | grep -E 'ROS|RMW'), allow "
    "UDP multicast in the firewall, and give a container --network host and --ipc host.",
)
NO_PUBLISHER = Kind(
    "no_publisher",
    _WARN,
    "nothing publishes {about}",
    "the node waits there for {message_type}{candidates}",
    "Start the driver, or name its topic: {argument}",
)
ONLY_COMPRESSED = Kind(
    "only_compressed",
    _ERROR,
    "the camera publishes compressed images only, on {found}",
    "node.use_compressed is false, so that the node waits for raw images on {about}",
    "Start with compressed:=true (node.use_compressed: true), or let the driver publish raw "
    "images.",
)
ONLY_RAW = Kind(
    "only_raw",
    _ERROR,
    "the camera publishes raw images only, on {found}",
    "node.use_compressed is true, so that the node waits for compressed images on {about}",
    "Start with compressed:=false (node.use_compressed: false), or install the plugins with "
    "sudo apt install ros-$ROS_DISTRO-compressed-image-transport.",
)
WRONG_TYPE = Kind(
    "wrong_type",
    _ERROR,
    "{about} carries {found}, published by {nodes}",
    "the node subscribes to {message_type} there, and topics of another type never meet",
    "Give the node a topic that carries {message_type}: {argument}",
)
QOS_RELIABILITY = Kind(
    "qos_reliability",
    _ERROR,
    "every publisher of {about} offers BEST_EFFORT ({nodes})",
    "node.image_reliability asks for RELIABLE, which a BEST_EFFORT publisher never matches",
    "Set node.image_reliability to auto or best_effort.",
)
COMMAND_QOS = Kind(
    "command_qos",
    _ERROR,
    "{nodes} publishes {about} as BEST_EFFORT",
    "commands are taken RELIABLE, so that none is lost, and the two never match",
    "Let it publish with the default QoS (reliable, volatile).",
)
SUBSCRIBER_QOS = Kind(
    "subscriber_qos",
    _WARN,
    "{nodes} subscribes to {about} as {asked}",
    "the node offers {offered} there, so that nothing will arrive",
    "Set the subscriber's reliability and durability to what is offered; in RViz, below the "
    "display's topic.",
)
SILENT = Kind(
    "silent",
    _WARN,
    "no message came on {about} for {quiet_sec:.0f} s, though {nodes} publishes it with a QoS that "
    "matches",
    "a running camera sends several a second",
    "Check that it streams (ros2 topic hz {about}); where it does, the network loses large "
    "messages: raise net.core.rmem_max, or use compressed:=true.",
)
NO_CLOCK = Kind(
    "no_clock",
    _WARN,
    "use_sim_time is true and no time has come on /clock",
    "the node's time stands at zero without it",
    "Start the simulator, play the bag with --clock, or set use_sim_time to false.",
)

# What the messages say of themselves.

NO_CAMERA_INFO = Kind(
    "no_camera_info",
    _NOTE,
    "no camera_info comes on {about}",
    "masks need none, but points and boxes in space do",
    "Name it: camera_info_topic:=/camera/color/camera_info",
)
UNCALIBRATED = Kind(
    "uncalibrated",
    _NOTE,
    "the focal length in K of {about} is zero or no number",
    "the camera is not calibrated, and without its intrinsics nothing can be placed in space",
    "Calibrate it (ros2 run camera_calibration cameracalibrator), or set the driver's "
    "camera_info_url.",
)
CAMERA_INFO_SIZE = Kind(
    "camera_info_size",
    _WARN,
    "{about} describes {found} pixels and the image has {size}",
    "intrinsics of another image place the object wrongly, so that they are not used",
    "Name the camera_info of this image's camera: camera_info_topic:=/camera/color/camera_info",
)
LENS_DISTORTED = Kind(
    "lens_distorted",
    _NOTE,
    "{about} describes a lens with distortion",
    "images are taken to be rectified: where they are not, points near the border are off",
    "Use the rectified image (image_proc), with depth registered to it.",
)
DEPTH_SIZE = Kind(
    "depth_size",
    _ERROR,
    "the depth image on {about} is {found} pixels and the colour image {size}",
    "depth must be registered to the colour image, pixel by pixel",
    "Take the aligned topic: depth_topic:=/camera/aligned_depth_to_color/image_raw (RealSense: "
    "align_depth.enable:=true) or depth_registered.",
)
DEPTH_FRAME = Kind(
    "depth_frame",
    _WARN,
    "the depth image is in the frame {found} and the colour image in {frame}",
    "depth of another camera lies beside the object, unless the driver registers it and only "
    "keeps the name",
    "Take the aligned topic: depth_topic:=/camera/aligned_depth_to_color/image_raw or "
    "depth_registered.",
)
DEPTH_ENCODING = Kind(
    "depth_encoding",
    _ERROR,
    "the depth image's encoding is {found}",
    "expected 16UC1 (millimetres) or 32FC1 (metres)",
    "Check that depth_topic:= names a raw depth image; of compressedDepth make one with "
    "ros2 run image_transport republish compressedDepth raw.",
)
IMAGE_ENCODING = Kind(
    "image_encoding",
    _ERROR,
    "the image's encoding is {found}",
    "expected rgb8, bgr8, mono8, YUV, a Bayer mosaic or another of docs/troubleshooting.md",
    "{advice}Set the driver to rgb8 or bgr8, or convert with image_proc.",
)
COMPRESSED_FORMAT = Kind(
    "compressed_format",
    _ERROR,
    "the compressed image's format is {found}",
    "expected jpeg or png",
    "{advice}Set the driver's or the republisher's format to jpeg or png.",
)
FRAME_ID_EMPTY = Kind(
    "frame_id_empty",
    _WARN,
    "the frame_id of the images on {about} is empty",
    "results, markers and points carry it, and neither RViz nor TF can place what has none",
    "Set the driver's frame_id parameter, such as camera_color_optical_frame.",
)
FRAME_ID_SHARED = Kind(
    "frame_id_shared",
    _WARN,
    "the images of the cameras {cameras} carry the same frame_id, {about}",
    "a result tells by its frame_id which camera it is about, and TF cannot part them either",
    "Give each driver a frame_id of its own, such as front_optical_frame.",
)
STAMP_ZERO = Kind(
    "stamp_zero",
    _WARN,
    "the images on {about} have the stamp 0",
    "results carry the image's stamp, and TF cannot look up the time 0",
    "Check that the driver fills in header.stamp.",
)
STAMP_FAR = Kind(
    "stamp_far",
    _WARN,
    "the stamps on {about} lie {apart} this node's clock",
    "results carry the image's stamp, and TF look-ups at it will fail",
    "For a replay play the bag with --clock and set use_sim_time:=true; for two machines "
    "synchronise their clocks (chrony).",
)
UNSYNCHRONISED = Kind(
    "unsynchronised",
    _ERROR,
    "image and depth both arrive, but no two lie within node.sync_slop_sec ({slop_sec:g} s): their "
    "newest stamps are {apart_sec:.3f} s apart",
    "points need a depth image that was taken together with the colour image",
    "Raise node.sync_slop_sec, or let one clock stamp both (RealSense: enable_sync:=true).",
)
MESSAGE_FILTERS_MISSING = Kind(
    "message_filters_missing",
    _WARN,
    "node.use_depth is set but the Python package message_filters is not installed",
    "it pairs image and depth; the node goes on with colour alone",
    "Install it with sudo apt install ros-$ROS_DISTRO-message-filters, or set node.use_depth to "
    "false.",
)

# The models and the memory for them.

WEIGHTS_MISSING = Kind(
    "weights_missing",
    _ERROR,
    "the weights of the {about} {model!r} are not on this machine: {problem}",
    "the node fetches them only where pipeline.offline is false",
    "Fetch them once (ppcr models pull --config FILE), or name a folder that holds them.",
)
WEIGHTS_DAMAGED = Kind(
    "weights_damaged",
    _ERROR,
    "the weights of the {about} {model!r} are damaged: {problem}",
    "every byte of them is needed",
    "Copy or fetch them again; in a git checkout run git lfs pull.",
)
WEIGHTS_CHECKSUM = Kind(
    "weights_checksum",
    _ERROR,
    "{about} has the sha256 {found}",
    "SHA256SUMS.txt says {wanted}: this is not the file that was shipped",
    "Install the package again; after a training of your own, write SHA256SUMS.txt anew.",
)
MEMORY_SHORT = Kind(
    "memory_short",
    _WARN,
    "the models need about {needed} of {about} and {available} are free",
    "where it runs out the system ends the node, or the GPU's library raises an error (estimated "
    "from the weight files and the number format)",
    "Close what else uses it, choose a smaller model, or set mllm.quantization to int8 or int4 "
    "(with CUDA).",
)
CUDA_MISSING = Kind(
    "cuda_missing",
    _ERROR,
    "CUDA is asked for ({about}), but torch sees no CUDA device",
    "{detail}",
    "Set it to auto or cpu (device:=cpu), or install a CUDA build of torch; nvidia-smi says "
    "whether the driver works, and a container needs --gpus all.",
)
MODELS_NOT_LOADED = Kind(
    "models_not_loaded",
    _ERROR,
    "the models cannot be loaded",
    "{problem}",
    "Mend that and configure the node again (ros2 lifecycle set /ppcr configure), or start it "
    "again; ppcr doctor looks for more.",
)
FALLBACK_MODELS = Kind(
    "fallback_models",
    _WARN,
    "{detail}",
    "memory ran out with the configured models, so commands are answered by smaller ones",
    "Choose a smaller model or mllm.quantization int8 or int4, or close what else uses the memory; "
    "then configure the node again.",
)
NOT_ACTIVE = Kind(
    "not_active",
    _WARN,
    "the command is not carried out: the node is {about}",
    "only an active node sees images, and a command is never kept for later, when the person may "
    "have turned away",
    "Say it again once the node is active; /diagnostics and ros2 lifecycle get /ppcr say when. A "
    "node without autostart waits for ros2 lifecycle set /ppcr configure, then activate.",
)

KINDS: tuple[Kind, ...] = tuple(value for value in list(globals().values()) if type(value) is Kind)
"""All of them, in the order of the page."""
