# The library as others see it: libosim.so and libosim.a, both with osim_* and nothing else, and what installs them.
#
# The archive holds one object, made by a partial link of every floor, in which all symbols but osim_* are local:
# a program that links it may have its own schedule() and kfree().

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(OSIM_FLOORS lib host hw kbase alloc sched mm vfs ipc kernel api)
set(osim_objects "")
foreach(floor ${OSIM_FLOORS})
  get_target_property(type osim_${floor} TYPE)
  if(NOT type STREQUAL "INTERFACE_LIBRARY")
    list(APPEND osim_objects $<TARGET_OBJECTS:osim_${floor}>)
  endif()
endforeach()

add_library(osim_shared SHARED ${osim_objects})
add_library(osim::osim ALIAS osim_shared)
set_target_properties(osim_shared PROPERTIES OUTPUT_NAME osim EXPORT_NAME osim LINKER_LANGUAGE C
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/osim.map)
target_include_directories(osim_shared INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>)
target_link_libraries(osim_shared PRIVATE PkgConfig::UV PkgConfig::XXHASH Zydis::Zydis)
target_link_options(osim_shared PRIVATE -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/osim.map)
if(OSIM_SANITIZE)
  target_link_options(osim_shared PRIVATE -fsanitize=address,undefined)
else()
  target_link_options(osim_shared PRIVATE -Wl,-z,defs)
endif()

set(OSIM_ARCHIVE ${CMAKE_BINARY_DIR}/libosim.a)
add_custom_command(OUTPUT ${OSIM_ARCHIVE}
  COMMAND ${CMAKE_LINKER} -r -o osim-all.o ${osim_objects}
  COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=osim_* osim-all.o
  COMMAND ${CMAKE_COMMAND} -E rm -f ${OSIM_ARCHIVE}
  COMMAND ${CMAKE_AR} rcsD ${OSIM_ARCHIVE} osim-all.o
  DEPENDS ${osim_objects}
  WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
  COMMAND_EXPAND_LISTS VERBATIM
  COMMENT "Partial link of libosim.a")
add_custom_target(osim_archive ALL DEPENDS ${OSIM_ARCHIVE})

# Inside this build: the archive and what it needs.
add_library(osim_static INTERFACE)
add_library(osim::osim_static ALIAS osim_static)
add_dependencies(osim_static osim_archive)
target_include_directories(osim_static INTERFACE ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(osim_static INTERFACE ${OSIM_ARCHIVE} PkgConfig::UV PkgConfig::XXHASH Zydis::Zydis)
if(OSIM_SANITIZE)
  target_link_options(osim_static INTERFACE -fsanitize=address,undefined)
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/osimConfig.cmake.in ${CMAKE_BINARY_DIR}/osimConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/osim PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/osimConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(${CMAKE_CURRENT_LIST_DIR}/osim.pc.in ${CMAKE_BINARY_DIR}/osim.pc @ONLY)

install(TARGETS osim_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${OSIM_ARCHIVE} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/osim DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/osimConfig.cmake ${CMAKE_BINARY_DIR}/osimConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/osim)
install(FILES ${CMAKE_BINARY_DIR}/osim.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
